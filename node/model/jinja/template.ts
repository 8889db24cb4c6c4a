/**
 * Jinja as transformers runs chat templates: Jinja2's sandbox in which nothing can be changed, with
 * `trim_blocks`, `lstrip_blocks`, `break` and `continue`, `generation`, and a `tojson` of its own.
 *
 * It is our own, since a template decides what is learned: where it writes something else than
 * Jinja2 does, a model learns another language than its users will speak to it. Libraries of
 * JavaScript take its values for Python's (`'xxa'.strip('x')` stays as it is, 1.0 becomes 1, a
 * loop that goes on loses what it wrote) and loop as long as a template likes. Whatever a template
 * may do is done as Jinja2 does it, or refused by name; test/vectors/make-templates.py asks Jinja2
 * itself for thousands of right answers.
 *
 * Source: Jinja2 3.1; transformers 5, utils/chat_template_utils.py.
 */
import { Budget } from './budget.ts'
import { JinjaError } from './errors.ts'
import { execute } from './execute.ts'
import { globalsOf } from './globals.ts'
import { parseTemplate } from './parse.ts'
import { type Engine, openScope } from './scope.ts'
import { toValue } from './values.ts'
import { someStatement } from './walk.ts'

export interface Template {
  /** Whether it says, by `generation` blocks, what the assistant writes. */
  hasGeneration: boolean
  /**
   * @param names what the template may ask for, as JSON
   * @throws JinjaError when it refuses them, or takes too long
   */
  render(names: Readonly<Record<string, unknown>>): Rendered
}

export interface Rendered {
  text: string
  /** The parts of the text that its `generation` blocks wrote; null: that cannot be told. */
  spans: [from: number, to: number][] | null
}

/**
 * @param writeDate what `strftime_now` writes
 * @throws JinjaError when it is no template, or does what is not supported here
 */
export function compileTemplate(source: string, writeDate: (format: string) => string): Template {
  const body = parseTemplate(source)
  return {
    hasGeneration: someStatement(body, ({ type }) => type === 'generation'),
    render(names) {
      const budget = new Budget()
      const context = globalsOf(budget, writeDate)
      for (const [name, value] of Object.entries(names)) {
        if (value !== undefined) context.set(name, toValue(value))
      }
      const whole: string[] = []
      const engine: Engine = { budget, context, pieces: whole, whole, spans: [], line: 1 }
      try {
        execute(body.statements, openScope(body.initial!, null, engine), engine)
      } catch (error) {
        if (error instanceof JinjaError) error.line ??= engine.line
        throw error
      }
      return { text: whole.join(''), spans: engine.spans }
    },
  }
}
