/** Kinds of queues that Warren consumes. */
export const QUEUE_TYPES = ["classic", "quorum"] as const;
export type QueueType = typeof QUEUE_TYPES[number];
