import { randomInt } from 'node:crypto';

const MOODS =
	'able agile alert amber azure bold brave brief bright brisk calm candid civil clear clever cosy crisp curious daring eager early easy fair fancy fleet fond frank free fresh gentle glad golden grand green happy hardy honest humble jolly keen kind lively lucky mellow merry mild modest neat noble patient plucky polite prompt proud quick quiet rapid ready shiny silver smart snug solid spry steady sunny swift tidy tough true vivid warm wise witty zesty'.split(
		' '
	);
const ANIMALS =
	'badger bat bear beaver bee bison bream camel carp cat cod condor coot crab crane crow deer dingo dove duck eagle eel elk falcon ferret finch fox frog gecko goat goose gull hare hawk heron horse ibis jackal jay koala lark lemur lion llama lynx magpie marten mole moose moth mouse newt okapi orca osprey otter owl panda perch pigeon pike puffin puma quail rabbit raven robin salmon seal shrew skua sloth snail sparrow squid stork swan swift tapir tern toad trout turtle walrus whale wolf wombat wren yak zebra'.split(
		' '
	);

const pick = (words: readonly string[]) => words[randomInt(words.length)]!;

/** Returns a name that can be read aloud: `guest-brave-otter-4821`. */
export const guestName = (): string =>
	`guest-${pick(MOODS)}-${pick(ANIMALS)}-${randomInt(1000, 10_000)}`;
