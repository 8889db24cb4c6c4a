/**
 * A loop while it runs, and what `loop` tells about it. An item is taken only when it is needed:
 * what a loop goes through may be a stream that something else goes on with.
 * Source: Jinja2 3.1, runtime.py (`LoopContext`).
 */
import { bindPlain } from './bind.ts'
import { JinjaError } from './errors.ts'
import { areEqual } from './order.ts'
import { lengthOf } from './unicode.ts'
import { isText, plain, sizeOf, Thing, Tuple, Undefined, type Value } from './values.ts'

export interface LoopOptions {
  over: Iterator<Value>
  /** Null: nobody knows before all are taken. */
  count: number | null
  depth: number
  /** Runs the loop's body over what is within an item; null: it is not recursive. */
  recurse: ((value: Value) => Value) | null
}

const orUndefined = (value: Value | undefined, reason: string): Value =>
  value === undefined ? new Undefined(reason) : value

export const countOf = (value: Value): number | null =>
  isText(value) ? lengthOf(plain(value)) : sizeOf(value)

export class Loop {
  readonly thing: Thing
  private readonly options: LoopOptions
  private index = -1
  private count: number | null
  /** Taken, but not gone through yet. */
  private readonly ahead: Value[] = []
  private current: Value | undefined
  private before: Value | undefined
  private changedFrom: Value | undefined

  constructor(options: LoopOptions) {
    this.options = options
    this.count = options.count
    const { recurse } = options
    this.thing = new Thing('LoopContext', {
      call: (given) => {
        const [value] = bindPlain('loop', given, ['iterable'])
        if (recurse === null) throw new JinjaError("a loop that is not 'recursive' is called")
        return recurse(value!)
      },
      attribute: (name) => this.attribute(name),
      text: () => `<LoopContext ${this.index + 1}/${this.length}>`,
      length: () => this.length,
    })
  }

  /** Undefined at the end. */
  next(): Value | undefined {
    const item = this.ahead.length > 0 ? this.ahead.shift() : this.take()
    if (item === undefined) return undefined
    this.index += 1
    this.before = this.current
    this.current = item
    return item
  }

  private take(): Value | undefined {
    const { done, value } = this.options.over.next()
    return done ? undefined : value
  }

  private peek(): Value | undefined {
    if (this.ahead.length === 0) {
      const item = this.take()
      if (item !== undefined) this.ahead.push(item)
    }
    return this.ahead[0]
  }

  private get length(): number {
    if (this.count !== null) return this.count
    for (let item = this.take(); item !== undefined; item = this.take()) this.ahead.push(item)
    this.count = this.index + 1 + this.ahead.length
    return this.count
  }

  private attribute(name: string): Value | undefined {
    switch (name) {
      case 'index':
        return BigInt(this.index + 1)
      case 'index0':
        return BigInt(this.index)
      case 'revindex':
        return BigInt(this.length - this.index)
      case 'revindex0':
        return BigInt(this.length - this.index - 1)
      case 'first':
        return this.index === 0
      case 'last':
        return this.peek() === undefined
      case 'length':
        return BigInt(this.length)
      case 'depth':
        return BigInt(this.options.depth + 1)
      case 'depth0':
        return BigInt(this.options.depth)
      case 'previtem':
        return orUndefined(this.index === 0 ? undefined : this.before, 'no previous item')
      case 'nextitem':
        return orUndefined(this.peek(), 'no next item')
      case 'cycle':
        return new Thing('method', { call: ({ list }) => this.cycle(list) })
      case 'changed':
        return new Thing('method', { call: ({ list }) => this.changed(list) })
      default:
        return undefined
    }
  }

  private cycle(list: readonly Value[]): Value {
    if (list.length === 0) throw new JinjaError('loop.cycle lacks its values')
    return list[this.index % list.length]!
  }

  private changed(list: readonly Value[]): boolean {
    const value = new Tuple(list)
    if (this.changedFrom !== undefined && areEqual(this.changedFrom, value)) return false
    this.changedFrom = value
    return true
  }
}
