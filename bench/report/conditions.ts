import { execFile } from 'node:child_process';
import { readFile } from 'node:fs/promises';
import { cpus, loadavg, release, totalmem, type } from 'node:os';
import { promisify } from 'node:util';

/** Where and when the figures were measured. */
export interface Conditions {
	date: string;
	commit: string;
	cpu: string;
	cores: number;
	memoryGB: number;
	system: string;
	node: string;
	/** Processes that wanted a core when the benchmark began: above about 0.3, other work was running. */
	loadBefore: number;
}

/**
 * @param options.descriptors number of open files that a process must be allowed
 * @throws Error when this machine does not allow that many
 */
export async function readConditions(options: { descriptors: number }): Promise<Conditions> {
	await checkDescriptors(options.descriptors);
	const [processor] = cpus();
	return {
		date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
		commit: await commit(),
		cpu: processor?.model.trim() || 'unknown',
		cores: cpus().length,
		memoryGB: Math.round(totalmem() / 2 ** 30),
		system: `${type()} ${release()}`,
		node: process.version,
		loadBefore: loadavg()[0]!
	};
}

/** Node raises its own limit to the maximum allowed, so that maximum is checked. */
async function checkDescriptors(needed: number): Promise<void> {
	const allowed = await allowedDescriptors();
	if (allowed < needed) {
		throw new Error(
			`A process may open ${allowed} files here; the benchmark needs ${needed}. Raise the limit first: ulimit -Hn ${needed} (as root), or LimitNOFILE in the service.`
		);
	}
}

/** Returns how many files a process may open here. Where this is not known, Infinity. */
export async function allowedDescriptors(): Promise<number> {
	const limits = await readFile('/proc/self/limits', 'utf8').catch(() => '');
	return Number(/^Max open files\s+\S+\s+(\d+)/m.exec(limits)?.[1] ?? Infinity);
}

async function commit(): Promise<string> {
	const git = async (...args: string[]) => (await promisify(execFile)('git', args)).stdout.trim();
	try {
		const changed = await git('status', '--porcelain', '--', 'src', 'migrations', 'drizzle');
		return (await git('rev-parse', '--short', 'HEAD')) + (changed === '' ? '' : ' and changes');
	} catch {
		return 'unknown';
	}
}
