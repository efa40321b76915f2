import type { Fault, FaultMaker, Stage } from '../fault.ts';
import { connectionFaults } from './connections.ts';
import { databaseFaults } from './database.ts';
import { endedSessionFaults } from './ended-session.ts';
import { fatRowFaults } from './fat-rows.ts';
import { lostAnswerFaults } from './lost-answer.ts';
import { partitionEndFaults } from './partition-end.ts';
import { poisonFaults } from './poison.ts';
import { processFaults } from './processes.ts';
import { promotionFaults } from './promotion.ts';
import { readOnlyFaults } from './read-only.ts';
import { stalledSocketFaults } from './stalled-socket.ts';
import { trimmedHeadFaults } from './trimmed-head.ts';

const MAKERS: readonly FaultMaker[] = [
	processFaults,
	connectionFaults,
	databaseFaults,
	trimmedHeadFaults,
	readOnlyFaults,
	partitionEndFaults,
	stalledSocketFaults,
	fatRowFaults,
	endedSessionFaults,
	poisonFaults,
	lostAnswerFaults,
	promotionFaults
];

/** Every kind of fault of the checker. */
export const allFaults = (stage: Stage): Fault[] => MAKERS.flatMap((make) => make(stage));
