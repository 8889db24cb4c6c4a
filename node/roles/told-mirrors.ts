/**
 * Mirrors, as a coordinator tells volunteers of them and a volunteer follows it. They come over the
 * connection that the coordinator's key has opened, as all that it asks of a volunteer's machine.
 */
import type { Reply } from '../../protocol/index.ts'
import type { Log } from '../log.ts'
import { mirrorFault } from '../network/mirrors.ts'

/**
 * Those that can be asked, in an order of this volunteer's own, so that nobody decides which of
 * them all ask first.
 * @param random in [0, 1)
 */
export function toldMirrors(
  told: readonly string[],
  log: Log,
  random: () => number = Math.random,
): string[] {
  const usable = told.filter((mirror) => {
    const fault = mirrorFault(mirror)
    if (fault !== null) log.warn(`The mirror '${mirror}' is not asked as it must be ${fault}`)
    return fault === null
  })
  const drawn = usable.map((mirror) => ({ mirror, at: random() }))
  return drawn.sort((a, b) => a.at - b.at).map(({ mirror }) => mirror)
}

/** Whoever joins is told of the mirrors. */
export function withMirrors(reply: Reply, mirrors: readonly string[]): Reply {
  if (reply.type !== 'joined' || mirrors.length === 0) return reply
  return { ...reply, mirrors: [...mirrors] }
}
