import { execFile } from 'node:child_process';
import { readdir, readFile } from 'node:fs/promises';
import { promisify } from 'node:util';

/** A running process. */
export interface Running {
	pid: number;
	/** Id of its process group: the process that was started as leader, and its children. */
	group: number;
}

/** Returns every running process of this machine. A zombie counts as ended. */
export async function runningProcesses(): Promise<Running[]> {
	const rows = process.platform === 'linux' ? await readProc() : await askPs();
	return rows
		.filter(([, , state]) => !/^[ZX]/.test(state))
		.map(([pid, group]) => ({ pid: Number(pid), group: Number(group) }));
}

type Row = [pid: string, group: string, state: string];

/** Small images have no `ps`. See proc_pid_stat(5): the name in parentheses may contain any characters. */
async function readProc(): Promise<Row[]> {
	const pids = (await readdir('/proc')).filter((name) => /^\d+$/.test(name));
	const rows = await Promise.all(
		pids.map(async (pid): Promise<Row> => {
			const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => ') X 0 0');
			const [state = '', , group = ''] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
			return [pid, group, state];
		})
	);
	return rows;
}

async function askPs(): Promise<Row[]> {
	const { stdout } = await promisify(execFile)('ps', ['-A', '-o', 'pid=,pgid=,stat=']);
	return stdout
		.trim()
		.split('\n')
		.map((line) => line.trim().split(/\s+/) as Row);
}
