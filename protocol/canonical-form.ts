/**
 * Whether bytes are MessagePack in its one canonical form: a walk over them that builds nothing, so
 * that whoever decodes afterwards meets no extension, no key twice, nothing nested deep, and no
 * length that is not there.
 * Source: msgpack/spec.md, "Formats"; RFC 3629 §4 for the texts.
 */
import { ProtocolError } from './errors.ts'
import { MESSAGE_DEPTH_MAX } from './limits.ts'

/** The least that a length or a number in 8, 16 and 32 bits is; what is less has a shorter form. */
const NUMBER_MIN = [2 ** 7, 2 ** 8, 2 ** 16] as const
const TEXT_MIN = [2 ** 5, 2 ** 8, 2 ** 16] as const
const BYTES_MIN = [0, 2 ** 8, 2 ** 16] as const
/** Lists and maps have no form with 8 bits. */
const COUNT_MIN = [0, 2 ** 4, 2 ** 16] as const

/** The bytes, and how far the walk is. */
interface Walk {
  readonly bytes: Uint8Array
  readonly view: DataView
  at: number
}

/** @throws ProtocolError `malformed` unless the bytes are one value in canonical form */
export function checkCanonical(bytes: Uint8Array): void {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const walk = { bytes, view, at: 0 }
  passValue(walk, 0)
  if (walk.at < bytes.length) refuse('something follows the value')
}

function refuse(reason: string): never {
  throw new ProtocolError('malformed', `Cannot decode: ${reason}`)
}

function passValue(walk: Walk, depth: number): void {
  if (depth > MESSAGE_DEPTH_MAX) refuse(`it is nested deeper than ${MESSAGE_DEPTH_MAX}`)
  const type = walk.bytes[pass(walk, 1)]!
  if (type < 0x80 || type >= 0xe0) return
  if (type < 0x90) passMap(walk, type & 0x0f, depth)
  else if (type < 0xa0) passList(walk, type & 0x0f, depth)
  else if (type < 0xc0) passText(walk, type & 0x1f)
  else passLonger(walk, type, depth)
}

function passLonger(walk: Walk, type: number, depth: number): void {
  switch (type) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return
    case 0xc4:
    case 0xc5:
    case 0xc6:
      pass(walk, readUnsigned(walk, type - 0xc4, BYTES_MIN))
      return
    case 0xcb:
      return checkFloat(walk.view.getFloat64(pass(walk, 8)))
    case 0xcc:
    case 0xcd:
    case 0xce:
      readUnsigned(walk, type - 0xcc, NUMBER_MIN)
      return
    case 0xd0:
    case 0xd1:
    case 0xd2:
      return passNegative(walk, type - 0xd0)
    case 0xd9:
    case 0xda:
    case 0xdb:
      return passText(walk, readUnsigned(walk, type - 0xd9, TEXT_MIN))
    case 0xdc:
    case 0xdd:
      return passList(walk, readUnsigned(walk, type - 0xdb, COUNT_MIN), depth)
    case 0xde:
    case 0xdf:
      return passMap(walk, readUnsigned(walk, type - 0xdd, COUNT_MIN), depth)
    default:
      refuse(`0x${type.toString(16)} begins no value`)
  }
}

/** Goes on by so many bytes, and says where they begin. */
function pass(walk: Walk, byteCount: number): number {
  const start = walk.at
  if (byteCount > walk.bytes.length - start) refuse('it ends early')
  walk.at = start + byteCount
  return start
}

/** `size` is 0, 1 or 2 for 8, 16 or 32 bits. */
function readUnsigned(walk: Walk, size: number, mins: readonly [number, number, number]): number {
  const { bytes, view } = walk
  const start = pass(walk, 1 << size)
  if (size === 0) return inShortestForm(bytes[start]!, mins[0])
  if (size === 1) return inShortestForm(view.getUint16(start), mins[1])
  return inShortestForm(view.getUint32(start), mins[2])
}

function inShortestForm(value: number, min: number): number {
  return value >= min ? value : refuse(`${value} is not in its shortest form`)
}

function passNegative(walk: Walk, size: number): void {
  const { view } = walk
  const start = pass(walk, 1 << size)
  if (size === 0) inShortestForm(-view.getInt8(start), 2 ** 5 + 1)
  else if (size === 1) inShortestForm(-view.getInt16(start), 2 ** 7 + 1)
  else inShortestForm(-view.getInt32(start), 2 ** 15 + 1)
}

/** Fractions, and whole numbers beyond 32 bits. */
function checkFloat(value: number): void {
  const isShorter = Number.isInteger(value) && value >= -(2 ** 31) && value < 2 ** 32
  if (isShorter || !Number.isFinite(value)) refuse(`${value} is no float64`)
}

function passList(walk: Walk, count: number, depth: number): void {
  for (let index = 0; index < count; index++) passValue(walk, depth + 1)
}

/** Keys are names (1 to 255 letters and digits, a letter first), each after the one before. */
function passMap(walk: Walk, count: number, depth: number): void {
  let [before, beforeEnd] = [0, 0]
  for (let index = 0; index < count; index++) {
    const start = passName(walk)
    if (!isBefore(walk, before, beforeEnd, start)) refuse('keys are not in order')
    before = start
    beforeEnd = walk.at
    passValue(walk, depth + 1)
  }
}

/** Where it begins; it ends where the walk is. */
function passName(walk: Walk): number {
  const { bytes } = walk
  const head = bytes[pass(walk, 1)]!
  const isLong = head === 0xd9
  const length = isLong ? readUnsigned(walk, 0, TEXT_MIN) : head - 0xa0
  if (length < 1 || (length >= 0x20 && !isLong)) refuse('a key is no name')
  const start = pass(walk, length)
  if (!isLetter(bytes[start]!)) refuse('a key is no name')
  for (let at = start + 1; at < walk.at; at++) {
    if (!isLetter(bytes[at]!) && !isDigit(bytes[at]!)) refuse('a key is no name')
  }
  return start
}

const isDigit = (byte: number): boolean => byte >= 0x30 && byte <= 0x39
const isLetter = (byte: number): boolean => (byte | 0x20) >= 0x61 && (byte | 0x20) <= 0x7a

/** Whether bytes[a, aEnd) come before those from b to where the walk is; nothing comes first. */
function isBefore({ bytes, at: bEnd }: Walk, a: number, aEnd: number, b: number): boolean {
  let shared = 0
  while (a + shared < aEnd && b + shared < bEnd && bytes[a + shared] === bytes[b + shared]) {
    shared += 1
  }
  if (a + shared === aEnd) return b + shared < bEnd
  return b + shared < bEnd && bytes[a + shared]! < bytes[b + shared]!
}

function passText(walk: Walk, length: number): void {
  const { bytes, view } = walk
  let at = pass(walk, length)
  // Four letters at a time, as long as they are ASCII: most texts are.
  while (at + 4 <= walk.at && (view.getUint32(at) & 0x80808080) === 0) at += 4
  for (; at < walk.at; at++) {
    if (bytes[at]! >= 0x80) return checkUtf8(bytes.subarray(at, walk.at))
  }
}

/** The pure rooms have no TextDecoder; what undoes a URI is as strict. */
function checkUtf8(bytes: Uint8Array): void {
  const escaped = Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0')}`).join('')
  try {
    decodeURIComponent(escaped)
  } catch {
    refuse('a text is not UTF-8')
  }
}
