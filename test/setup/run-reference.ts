/**
 * The keys of run.yaml for people and for editors: docs/run-yaml.md and docs/run.schema.json, both
 * made of the table in node/setup/run-keys.ts.
 */
import { z } from 'zod'
import { runYamlSchema } from '../../node/setup/run-keys.ts'

export interface JsonSchema {
  type?: string
  description?: string
  default?: unknown
  const?: unknown
  enum?: unknown[]
  anyOf?: JsonSchema[]
  minimum?: number
  exclusiveMinimum?: number
  maximum?: number
  maxLength?: number
  items?: JsonSchema
  properties?: Record<string, JsonSchema>
  additionalProperties?: JsonSchema | false
  required?: string[]
}

export function runJsonSchema(): JsonSchema {
  return z.toJSONSchema(runYamlSchema, { io: 'input' }) as JsonSchema
}

export function runReference(): string {
  const schema = runJsonSchema()
  const { datasets, swarm, ...top } = schema.properties!
  const { eval_choices: choices, eval_generate: generate } = top
  return `${HEAD}
${table({ ...schema, properties: top })}

## \`datasets\`

${datasets!.description} A list; docs/data.md says what files and rows may look like.

${table(datasets!.items!)}

## \`eval_choices\`

docs/learning.md says what its rows are, and how they are scored.

${table(choices!)}

## \`eval_generate\`

docs/learning.md says what its rows are, and how they are scored.

${table(generate!)}

## \`swarm\`

${swarm!.description}

${table(swarm!)}
`
}

const AXOLOTL = 'https://docs.axolotl.ai/docs/config-reference.html'
const HEAD = `# The keys of run.yaml

Keys are [axolotl](${AXOLOTL})'s where they mean the same; what
belongs to the swarm stands under \`swarm:\`. An unknown key is an error, as is a value out of
bounds: \`barnraise check run.yaml\` says where. Editors that know
[run.schema.json](run.schema.json) say it while you write. Only \`name\` and \`datasets\` have
to be there.

Nothing of a run can be changed once it has begun, as all of its volunteers agreed on it: a changed
run.yaml is another run.
`

function table({ properties = {}, required = [] }: JsonSchema): string {
  const rows = Object.entries(properties).flatMap(([key, schema]) =>
    rowsOf(key, schema, required.includes(key)),
  )
  const lines = [
    ['key', 'default', 'may be', 'what it means'],
    ['---', '---', '---', '---'],
    ...rows,
  ]
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n')
}

/** The row of a key, and those of the keys in it where these have defaults of their own. */
function rowsOf(key: string, schema: JsonSchema, isRequired: boolean): string[][] {
  const { description = '', default: value, properties = {} } = schema
  const row = [`\`${key}\``, defaultOf(schema, isRequired), boundsOf(schema), description]
  if (!isMap(value)) return [row]
  const inner = Object.entries(properties).flatMap(([name, each]) =>
    rowsOf(`${key}.${name}`, each, false),
  )
  return [row, ...inner]
}

const isMap = (value: unknown) =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function defaultOf(
  { default: value, additionalProperties }: JsonSchema,
  isRequired: boolean,
): string {
  if (isRequired) return 'needed'
  if (Array.isArray(value)) return 'all of them'
  if (additionalProperties) return 'none'
  if (isMap(value)) return 'as below'
  return value === undefined ? '' : `\`${String(value)}\``
}

function boundsOf(schema: JsonSchema): string {
  if (schema.const !== undefined) return `\`${schema.const}\``
  if (schema.anyOf !== undefined) return schema.anyOf.map(boundsOf).join(', or ')
  if (schema.enum !== undefined) return schema.enum.map((word) => `\`${word}\``).join(', ')
  if (schema.items !== undefined) return `a list of ${boundsOf(schema.items)}`
  if (schema.properties !== undefined) {
    return `\`{${Object.keys(schema.properties).join(', ')}}\``
  }
  if (schema.additionalProperties) {
    return `a map of names to ${boundsOf(schema.additionalProperties)}`
  }
  switch (schema.type) {
    case 'null':
      return '`null`'
    case 'boolean':
      return '`true`, `false`'
    case 'string':
      return schema.maxLength === undefined ? 'text' : `up to ${schema.maxLength} characters`
    default:
      return numberBounds(schema)
  }
}

function numberBounds({ type, minimum, exclusiveMinimum, maximum }: JsonSchema): string {
  const kind = type === 'integer' ? 'a whole number' : 'a number'
  const least = exclusiveMinimum === undefined ? `from ${minimum}` : `above ${exclusiveMinimum}`
  return `${kind} ${least}${maximum === undefined ? '' : ` to ${maximum}`}`
}
