/** Common passwords, which attackers try first. */
import { dictionary } from '@zxcvbn-ts/language-common';

/** Only those with the minimum length: about 18,000 of 49,000. */
const COMMON = new Set(dictionary['passwords-common'].filter((password) => password.length >= 8));

/** @returns true when a normalized password is one of the most common ones, in any letter case */
export function isCommonPassword(password: string): boolean {
	return COMMON.has(password.toLowerCase());
}
