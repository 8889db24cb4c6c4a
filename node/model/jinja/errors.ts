/** What Jinja2 would refuse, or what we do not do as it does: the template is at fault. */
export class JinjaError extends Error {
  override name = 'JinjaError'
  /** The line of the template, once somebody knows it. */
  line: number | null

  constructor(message: string, line: number | null = null) {
    super(message)
    this.line = line
  }
}

/** Jinja2 has an answer here, and we would have another: none is better. */
export function notDone(what: string): never {
  throw new JinjaError(`${what} is not supported here, as templates of chats do not use it`)
}
