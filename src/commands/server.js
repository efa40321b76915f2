// @ts-check
/**
 * The program that serves a build: `node build`. Each build contains a copy of this file as `index.js`. Loading the handler
 * starts the application, which then provides the function that serves it (src/http/offer.ts).
 */
import './in-use.js';
// @ts-expect-error It is there in a build.
import { handler } from './handler.js';

const serve = Reflect.get(globalThis, Symbol.for('logline.serve'));
export const server = await serve(handler);
