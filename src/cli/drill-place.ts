// Where drills take room if nobody says where.

/** What systemd gives the dock's unit to keep: that unit's /var/tmp is its own, and goes with it before the next drill can sweep it. */
export const DRILL_SCRATCH: string = process.env.STATE_DIRECTORY ?? '/var/tmp';
