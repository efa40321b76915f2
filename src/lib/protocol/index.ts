export * from './topics.ts';
export * from './patterns.ts';
export * from './registry.ts';
export * from './access.ts';
export * from './signals.ts';
export * from './cursor.ts';
export * from './frames.ts';
export * from './errors.ts';
