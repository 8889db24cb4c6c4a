/**
 * What a simulation is told in words: `browser-tabs:3,seti-like:1` for who is there, and
 * `round.seconds=300` for what is not as usual.
 */
import { ConfigError, type RunConfig } from '../protocol/index.ts'
import type { Crowd } from './churn.ts'
import { EVERYDAY, type FaultRates } from './faults.ts'
import { PRESETS } from './presets.ts'
import { DEFAULT_RUN, defaultWorld, runWith } from './run-settings.ts'
import type { WorldOptions } from './world.ts'

export interface Settings {
  config: RunConfig
  faults: FaultRates
  world: WorldOptions
}

/**
 * `NAME` or `NAME:WEIGHT,…`: so many volunteers, shared out by weight.
 * @throws ConfigError unless every name is a preset's and every weight is above 0
 */
export function crowdsOf(text: string, volunteers: number): Crowd[] {
  const parts = text.split(',').map((part) => {
    const [name = '', weightText = '1', ...rest] = part.split(':')
    const preset = PRESETS.find((one) => one.name === name)
    const weight = Number(weightText)
    if (preset === undefined) {
      const names = PRESETS.map((one) => one.name).join(', ')
      throw new ConfigError(
        `Cannot simulate as 'preset' must be one of ${names}: current value is ${name}`,
      )
    }
    if (rest.length > 0 || !(weight > 0 && Number.isFinite(weight))) {
      throw new ConfigError(
        `Cannot simulate as 'preset' must be NAME or NAME:WEIGHT,…: current value is ${part}`,
      )
    }
    return { preset, weight }
  })
  const total = parts.reduce((sum, { weight }) => sum + weight, 0)
  return parts.map(({ preset, weight }) => ({ preset, volunteers: (volunteers * weight) / total }))
}

/** The one setting that is no number. */
const WORD = 'audit.trust'

/**
 * Settings with some numbers changed, each as `SECTION.KEY=NUMBER`: a section of the run's config,
 * `faults`, or `world`; and whose work is audited, as `audit.trust=WORD`.
 * @throws ConfigError unless the key is there, is a number, and the run is one with it
 */
export function settingsWith(changes: readonly string[], usual: RunConfig = DEFAULT_RUN): Settings {
  const sections = new Map<string, Record<string, number | string>>()
  const known: Record<string, unknown> = {
    ...usual,
    faults: EVERYDAY,
    world: defaultWorld(usual),
  }
  for (const change of changes) {
    const [, section = '', key = '', text = ''] = /^(\w+)\.(\w+)=(.+)$/.exec(change) ?? []
    if (`${section}.${key}` === WORD) {
      sections.set(section, { ...sections.get(section), [key]: text })
      continue
    }
    if (!isNumber(known, section, key) || !Number.isFinite(Number(text)) || text.trim() === '') {
      throw new ConfigError(
        "Cannot simulate as 'set' must be SECTION.KEY=NUMBER of a number of the run, of faults " +
          `or of world, as round.seconds=300: current value is ${change}`,
      )
    }
    const value = Number(text)
    if ((section === 'faults' || section === 'world') && value < 0) {
      throw new ConfigError(
        `Cannot simulate as '${section}.${key}' must be 0 or more: current value is ${text}`,
      )
    }
    sections.set(section, { ...sections.get(section), [key]: value })
  }
  const { faults, world, ...run } = Object.fromEntries(sections)
  const config = checkedRun(run, usual)
  return {
    config,
    faults: { ...EVERYDAY, ...faults },
    world: { ...defaultWorld(config), ...world },
  }
}

/** Null is a limit that is not set, and can be. */
function isNumber(known: Record<string, unknown>, section: string, key: string): boolean {
  const part = Object.hasOwn(known, section) ? known[section] : null
  if (typeof part !== 'object' || part === null || !Object.hasOwn(part, key)) return false
  const current = (part as Record<string, unknown>)[key]
  return typeof current === 'number' || current === null
}

/** What a run cannot be is, here, for whoever set it to mend. */
function checkedRun(changes: Parameters<typeof runWith>[0], usual: RunConfig): RunConfig {
  try {
    return runWith(changes, usual)
  } catch (error) {
    throw new ConfigError((error as Error).message)
  }
}
