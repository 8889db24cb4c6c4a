/**
 * The coin that says whose work is done again, and by whom. A draw is a keyed function of the
 * lease, so nobody who lacks the coordinator's key foresees it. Draws come with the event that they
 * decide, so a replay needs no key. The digest of the key is in the journal before the first draw,
 * and the key itself after the last, so that anyone can check then that no draw was chosen. With it
 * comes the digest of the next key: a run that goes on after its end draws by one that nobody knows
 * yet.
 */
import {
  bytesToHex,
  type Digest,
  digestOf,
  encode,
  hexToBytes,
  utf8ToBytes,
} from '../protocol/index.ts'

/**
 * The key that draws once so many were published. Those that are tell nothing of the others: the
 * secret, of which all are made, stays with the coordinator.
 */
export function coinKeyOf(secret: Uint8Array, published: number): Uint8Array {
  const body = { purpose: 'barnraise coin 1', secret: bytesToHex(secret), published }
  return hexToBytes(digestOf(encode(body)))
}

/** What the draw of a lease must be. */
export function drawOf(key: Uint8Array, leaseId: number): Digest {
  return digestOf(encode({ purpose: 'barnraise draw 1', key: bytesToHex(key), leaseId }))
}

/** Hexadecimal digits of a draw that one coin takes: as many bits as a double holds. */
const COIN_DIGITS = 13
const COIN_RANGE = 2 ** (4 * COIN_DIGITS)

/** A number in [0, 1) by the place of its digits; four of them are independent. */
export function coinOf(draw: Digest, place: 0 | 1 | 2 | 3): number {
  const digits = draw.slice(COIN_DIGITS * place, COIN_DIGITS * (place + 1))
  return Number.parseInt(digits, 16) / COIN_RANGE
}

/** What is drawn of a contribution that is repeated for another cause than its coin. */
export const drawOnceMore = (draw: Digest, cause: string): Digest =>
  digestOf(utf8ToBytes(`${draw} ${cause}`))

const CHOICE_DIGITS = 8
const CHOICE_RANGE = 2 ** (4 * CHOICE_DIGITS)
/** Places that one digest has room for. */
const CHOICES = 64 / CHOICE_DIGITS

/** One more coin for the n-th attempt, independent of the choices. */
export function attemptCoin(draw: Digest, attempt: number): number {
  return coinOf(digestOf(utf8ToBytes(`${draw} ${attempt} once more`)), 0)
}

/** Members to ask at the n-th attempt, one after the other, as places in [0, count). */
export function choicesOf(draw: Digest, attempt: number, count: number): number[] {
  const again = digestOf(utf8ToBytes(`${draw} ${attempt}`))
  return Array.from({ length: CHOICES }, (_, place) => {
    const digits = again.slice(CHOICE_DIGITS * place, CHOICE_DIGITS * (place + 1))
    return Math.floor((Number.parseInt(digits, 16) / CHOICE_RANGE) * count)
  })
}
