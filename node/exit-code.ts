/** What the process tells the shell it was started from. */
export const EXIT = {
  ok: 0,
  failure: 1,
  usage: 2,
  verificationFailed: 3,
  /** Nobody answers; `join` does not end so, as it tries again until somebody does. */
  unreachable: 4,
  protocolVersion: 5,
  /** The coordinator does not let this one in, for good: a wrong link, or banned. */
  refused: 6,
  /** A run of which nothing is signed yet: neither right nor wrong. */
  nothingToVerify: 7,
  interrupted: 130,
} as const

export type ExitCode = (typeof EXIT)[keyof typeof EXIT]
