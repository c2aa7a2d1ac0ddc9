interface ZonedTime {
  /** `monday` to `sunday`. */
  readonly weekday: string;
  /** 0 to 23. */
  readonly hour: number;
}

/** Last instant that a date can name (ECMAScript time values), milliseconds. */
const LAST_INSTANT_MS = 8.64e15;
const MINUTE_MS = 60_000;

type ZonedClock = (atMs: number) => ZonedTime | null;

/** Making a formatter takes milliseconds, so each zone has one; there are some hundred zones. */
const CLOCKS = new Map<string, ZonedClock>();

/** Whether the runtime knows this IANA time zone. Bare offsets are refused: they know no summer time. */
export function isTimeZone(name: string): boolean {
  if (!/^[A-Za-z]/.test(name)) return false;
  try {
    zonedTime(name);
    return true;
  } catch (error) {
    if (error instanceof RangeError) return false;
    throw error;
  }
}

/**
 * Reads weekday and hour of instants in a time zone. Total: an instant that no date can name gives null.
 * @param timeZone IANA name, known to be valid
 * @throws RangeError for a name that the runtime does not know
 */
export function zonedTime(timeZone: string): ZonedClock {
  // Zones are named without regard to capitals.
  const key = timeZone.toLowerCase();
  const known = CLOCKS.get(key);
  if (known !== undefined) return known;
  const clock = makeClock(timeZone);
  CLOCKS.set(key, clock);
  return clock;
}

function makeClock(timeZone: string): ZonedClock {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    weekday: 'long',
    hour: 'numeric',
    hourCycle: 'h23',
  });
  // Formatting costs microseconds and requests come in order of time: remember the last minute. Offsets of
  // all zones are whole minutes since 1972, so that hour and weekday never change within one.
  let rememberedMinute = Number.NaN;
  let remembered: ZonedTime | null = null;
  return (atMs) => {
    if (!(Math.abs(atMs) <= LAST_INSTANT_MS)) return null;
    const minute = Math.floor(atMs / MINUTE_MS);
    if (minute !== rememberedMinute) {
      const parts = format.formatToParts(atMs);
      const part = (type: string) => parts.find((candidate) => candidate.type === type)?.value ?? '';
      remembered = { weekday: part('weekday').toLowerCase(), hour: Number(part('hour')) };
      rememberedMinute = minute;
    }
    return remembered;
  };
}
