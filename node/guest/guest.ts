/**
 * A volunteer as a guest on its machine: looks at the sensors whenever it is told to, pauses the
 * volunteer while anything speaks against training, and hears what the person here wants.
 */
import type { Clock } from '../clock.ts'
import { type Explained, explain, wordsForOthers } from './explain.ts'
import {
  overrule,
  type PauseReason,
  type Preferences,
  pauseReasons,
  type Readings,
} from './governor.ts'
import type { Sensors } from './sensors.ts'

/** How often to look. */
export const LOOK_MS = 5_000

interface Pausable {
  pause(reason: string): void
  resume(): void
}

export interface GuestOptions {
  preferences: Omit<Preferences, 'isPaused'>
  sensors: Sensors
  clock: Clock
  /** What speaks against training has changed; nothing: it goes on. */
  onChange(reasons: readonly Explained[]): void
}

export interface GuestStanding {
  reasons: Explained[]
  /** When a pause by hand ends, in ms since 1970; null: by `resume`, or there is none. */
  pausedUntil: number | null
  /** What holds, but was overruled until it passes. */
  overruled: PauseReason[]
  readings: Readings
}

export interface Guest<Role extends Pausable> {
  readonly role: Role
  look(): Promise<void>
  /** Pauses at once, for so many milliseconds; null: until `resume`. */
  pause(ms: number | null): void
  /** `anyway`: whatever else speaks against training now is overruled until it passes. */
  resume(anyway: boolean): void
  standing(): GuestStanding
}

/** @param start starts the volunteer, paused for the reasons given or, by null, at work */
export async function startGuest<Role extends Pausable>(
  { preferences, sensors, clock, onChange }: GuestOptions,
  start: (paused: string | null) => Promise<Role>,
): Promise<Guest<Role>> {
  let pausedUntil = 0
  let overruled: PauseReason[] = []
  let readings = await sensors.read()
  let reasons: PauseReason[] = []

  const preferencesNow = (): Preferences => ({ ...preferences, isPaused: clock() < pausedUntil })
  const explained = () => reasons.map((reason) => explain(reason, readings, preferencesNow()))

  /** Whether anything has changed. */
  function judge(): boolean {
    const before = reasons.join()
    const left = overrule(pauseReasons(readings, preferencesNow()), overruled)
    reasons = left.reasons
    overruled = left.overruled
    if (reasons.join() === before) return false
    onChange(explained())
    return true
  }

  judge()
  const role = await start(wordsForOthers(reasons))

  function act(): void {
    if (!judge()) return
    const why = wordsForOthers(reasons)
    if (why === null) role.resume()
    else role.pause(why)
  }

  return {
    role,
    look: async () => {
      readings = await sensors.read()
      act()
    },
    pause: (ms) => {
      pausedUntil = ms === null ? Number.POSITIVE_INFINITY : clock() + ms
      act()
    },
    resume: (anyway) => {
      pausedUntil = 0
      if (anyway) overruled = pauseReasons(readings, preferencesNow())
      act()
    },
    standing: () => {
      const isTimed = clock() < pausedUntil && Number.isFinite(pausedUntil)
      return {
        reasons: explained(),
        pausedUntil: isTimed ? pausedUntil : null,
        overruled,
        readings,
      }
    },
  }
}
