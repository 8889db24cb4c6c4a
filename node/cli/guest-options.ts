/** The options of `join` by which a machine's owner says when to train, and what that may take. */

import { type Command, InvalidArgumentError, Option } from 'commander'
import { ConfigError } from '../../protocol/index.ts'
import type { Preferences } from '../guest/governor.ts'
import { type Hours, parseHours } from '../guest/hours.ts'
import { NICE_MAX } from '../guest/priority.ts'
import { byteCount } from './sizes.ts'

export interface GuestOptions {
  onBattery?: boolean
  /** A busy machine's load, in per cent. */
  busyAbove: number
  /** Degrees Celsius. */
  hotAbove: number
  hours?: Hours[]
  dataPerDay?: number
  nice: number
  dedicated?: boolean
}

const NEVER_BUSY = 100
const NEVER_HOT = 150

export function addGuestOptions(command: Command): Command {
  return command
    .optionsGroup('Being a good guest:')
    .option('--on-battery', 'train on the battery, too')
    .addOption(
      new Option('--busy-above <percent>', 'pause while other programs take more of the processor')
        .argParser((text) => within(text, 0, NEVER_BUSY))
        .default(60, '60; 100: never'),
    )
    .addOption(
      new Option('--hot-above <celsius>', 'pause while the machine is hotter')
        .argParser((text) => within(text, 0, NEVER_HOT))
        .default(85, `85; ${NEVER_HOT}: never`),
    )
    .option('--hours <spans...>', 'train only then, as 22-7 or 12:30-13:30 (default: always)', span)
    .option('--data-per-day <size>', 'move no more, both ways (default: what it takes)', byteCount)
    .addOption(
      new Option('--nice <n>', 'priority: others go first, from 0, like them, to 19')
        .argParser((text) => within(text, 0, NICE_MAX))
        .default(NICE_MAX),
    )
    .option('--dedicated', 'nobody else needs this machine: the first three never, --nice 0')
}

function within(text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`)
}

function span(text: string, before: Hours[] = []): Hours[] {
  try {
    return [...before, parseHours(text)]
  } catch (error) {
    if (error instanceof ConfigError) throw new InvalidArgumentError(error.message)
    throw error
  }
}

/** What these options say to the governor. */
export function preferencesOf(options: GuestOptions): Omit<Preferences, 'isPaused'> {
  const { onBattery, busyAbove, hotAbove, hours, dataPerDay, dedicated = false } = options
  return {
    hours: hours ?? [],
    pauseHidden: false,
    pauseOnBattery: !(dedicated || onBattery === true),
    othersShareMax: dedicated || busyAbove === NEVER_BUSY ? null : busyAbove / 100,
    celsiusMax: dedicated || hotAbove === NEVER_HOT ? null : hotAbove,
    bytesMax: dataPerDay ?? null,
  }
}

export function niceOf({ dedicated = false, nice }: GuestOptions): number {
  return dedicated ? 0 : nice
}
