/**
 * The date that templates write which ask for today's: the one that Llama's fall back to. So the
 * same text makes the same dataset on any day.
 */
import { JinjaError } from './jinja/errors.ts'

const PARTS: ReadonlyMap<string, string> = new Map([
  ['%Y', '2024'],
  ['%y', '24'],
  ['%m', '07'],
  ['%-m', '7'],
  ['%d', '26'],
  ['%-d', '26'],
  ['%e', '26'],
  ['%b', 'Jul'],
  ['%B', 'July'],
  ['%a', 'Fri'],
  ['%A', 'Friday'],
  ['%j', '208'],
  ['%H', '00'],
  ['%I', '12'],
  ['%M', '00'],
  ['%S', '00'],
  ['%p', 'AM'],
  ['%F', '2024-07-26'],
  ['%T', '00:00:00'],
  ['%Z', ''],
  ['%%', '%'],
])

/** @throws JinjaError for a part of a date that we do not know */
export function writeFixedDate(format: string): string {
  return format.replaceAll(/%-?[\s\S]?/g, (part) => {
    const text = PARTS.get(part)
    if (text === undefined) throw new JinjaError(`strftime_now does not know '${part}'`)
    return text
  })
}
