import type { Row } from './archive.ts';
import type { Findings, Hole, Log } from './audit.ts';
import type { Journal, ToldGap, Track } from './journal.ts';

/**
 * How long after a trim an event may still be reported as a gap, in milliseconds: the horizon moves before the deletion, and
 * readers may be told then.
 */
const TRIM_MS = 5000;

/** Compares the log with the events that a reader's handlers received, and with the gaps that it received. */
export function auditReader(log: Log, journal: Journal, findings: Findings): void {
	for (const track of journal.tracks) {
		auditSeen(log, journal, track, findings);
		auditOwed(log, journal, track, findings);
		for (const gap of track.gaps) {
			if (!isTrue(log, journal, track.topic, gap)) {
				findings['false alarm'].push(
					`${journal.name}: gap in ${track.topic} after ${gap.after}${gap.lost === null ? '' : `, lost ${gap.lost}`}`
				);
			}
		}
	}
	const named = (texts: readonly string[]) => texts.map((text) => `${journal.name}: ${text}`);
	findings['out of order'].push(...named(journal.disorder));
	findings['cursor moved back'].push(...named(journal.cursorsMovedBack));
	findings['false alarm'].push(...named(journal.falseAlarms));
}

const isFor = ({ userId }: Pick<Row, 'userId'>, journal: Journal) =>
	userId === null || userId === journal.userId;

/** Checks that each event came once, in order, exists in the log, and belongs to this user. */
function auditSeen(log: Log, journal: Journal, track: Track, findings: Findings): void {
	const describe = (id: number) => `${journal.name}: ${track.topic} ${id}`;
	const seen = new Set<number>();
	let last = 0;
	track.ids.forEach((id, i) => {
		if (seen.has(id)) findings.doubled.push(describe(id));
		else if (id <= last && !isFromMemory(log, track, id, i)) {
			const gone = log.byId.get(id)?.gone?.how ?? 'in the log';
			const backs = track.setBack.map(({ cursor, place }) => `${cursor} at ${place}.`).join(', ');
			findings['out of order'].push(
				`${describe(id)} (${gone}) behind ${last} (${i}.); cursor set back to: ${backs || 'never'}; ${describeTrack(track, Math.max(0, i - 8))}`
			);
		}
		seen.add(id);
		last = Math.max(last, id);
		const row = log.byId.get(id);
		if (!row || row.tag !== track.tags[i] || row.topic !== track.topic) {
			findings.phantom.push(`${describe(id)} was seen and is not in the log like that`);
		} else if (!isFor(row, journal)) {
			findings['not entitled'].push(describe(id));
		}
	});
}

/**
 * Returns true when an event that came after later ones is no longer in the log, and came from the window of another server,
 * which still had it: because the client's cursor had been set back, or because the history of the topic, which had not
 * arrived completely, started anew. A client that drops events at or before the topic's last id does not handle it.
 */
function isFromMemory(log: Log, track: Track, id: number, place: number): boolean {
	const gone = log.byId.get(id)?.gone;
	return (
		gone != null &&
		gone.how !== 'failover' &&
		(track.restarts.some((at) => 0 < at && at <= place) ||
			track.setBack.some((back) => back.place <= place && back.cursor < id))
	);
}

/**
 * Every event in the log must have been received. For an event that is no longer in the log:
 * - trimmed: it was received, or a gap reported it, or it was gone when the subscription began;
 * - deleted by hand: it may have been received or not, and no gap is promised;
 * - lost by a failover: a reader that received it got a gap before any later event. There is one exception. A client without
 *   its own memory may lose its connection between an old event and the bare id that follows it. It then reconnects with the
 *   id of the old event, and no server can know what it has received.
 */
function auditOwed(log: Log, journal: Journal, track: Track, findings: Findings): void {
	const seen = new Map(track.ids.map((id, i) => [id, i]));
	// A subscription that ended is owed every event before the last one that it received.
	const end = track.open ? Infinity : (track.ids.at(-1) ?? 0);
	for (const row of log.rows) {
		if (row.id > end) break;
		if (row.topic !== track.topic || !isFor(row, journal)) continue;
		const at = seen.get(row.id);
		const text = `${journal.name}: ${track.topic} ${row.id}`;
		if (row.gone?.how === 'failover') {
			if (at !== undefined && !wasToldOfLoss(log.holes, track, row, at, journal.mayGoBack)) {
				findings['lost without a word'].push(
					`${text} was seen (${at}.) and lost by a failover; ${describeTrack(track, at)}`
				);
			}
		} else if (at !== undefined || row.gone?.how === 'hand') {
			continue;
		} else if (!row.gone) {
			findings.lost.push(text);
		} else if (!wasToldOfTrim(track, row)) {
			findings['lost without a word'].push(
				`${text} was trimmed at ${row.gone.at}; served at ${track.servedAt}; ${describeTrack(track, track.ids.filter((id) => id < row.id).length - 1)}`
			);
		}
	}
}

function wasToldOfTrim(track: Track, { id, gone }: Row): boolean {
	const by = (moment: number) => gone!.at <= moment + TRIM_MS;
	const { shownUpTo, servedAt } = track;
	// What a page could not show any more is not lost. What came after it is, whenever the stream opens.
	if (shownUpTo !== null && id <= shownUpTo) return true;
	// A subscription that began later has lost nothing. A subscription that no server has served yet has not begun.
	if (shownUpTo === null && (servedAt === null || by(servedAt))) return true;
	return track.gaps.some((gap) => gap.lost === null && gap.after < id && by(gap.at));
}

/**
 * @param at index of the event in the received events
 * @param mayGoBack true for a client that uses the last id of the wire as its cursor
 */
function wasToldOfLoss(
	holes: readonly Hole[],
	track: Track,
	{ id }: Row,
	at: number,
	mayGoBack: boolean
): boolean {
	const hole = holes.find(({ after, upto }) => after < id && id <= upto);
	if (!hole) return false;
	const next = track.ids.findIndex((other) => other > hole.upto);
	// It ended before any event of the new server came, so it may have been told or not.
	if (next < 0 && !track.open) return true;
	const wasTold = (upto: number) =>
		track.gaps.some(
			({ lost, after, place }) =>
				lost !== null && lost >= upto && after < id && place > at && (next < 0 || place <= next)
		);
	if (wasTold(id)) return true;
	if (track.setBack.some(({ cursor, place }) => place > at && cursor <= hole.after)) return true;
	// The cursor went back into the hole. Then the gap reports the loss up to this cursor: no server knows of more.
	return (
		mayGoBack &&
		track.setBack.some(({ cursor, place }) => place > at && cursor < id && wasTold(cursor))
	);
}

/** Returns details of a subscription, for debugging. */
function describeTrack({ ids, gaps, open }: Track, at: number): string {
	const told = gaps.map(
		({ after, lost, place, at: time }) => `after ${after} lost ${lost} at ${place}. (${time})`
	);
	return `then ${ids.slice(at + 1, at + 60).join(' ')} (of ${ids.length}${open ? '' : ', closed'}); gaps: ${told.join(', ') || 'none'}`;
}

/** @returns true when events are really gone where the gap said so */
function isTrue(log: Log, journal: Journal, topic: string, { after, lost }: ToldGap): boolean {
	if (lost !== null) {
		return log.holes.some((hole) => hole.after === after && lost > hole.after && lost <= hole.upto);
	}
	return ['', journal.userId].some((audience) => {
		const horizon = log.horizons.get(`${topic} ${audience}`);
		return horizon !== undefined && horizon > after;
	});
}
