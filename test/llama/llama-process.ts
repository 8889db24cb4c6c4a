/**
 * llama.cpp by way of node-llama-cpp, which install.ts puts into this folder. A process of its own,
 * which keeps what it has opened until it is killed: to free a model that had an adapter has ended
 * a process now and then.
 */

/** The little of the library's interface that is used. */
interface Library {
  getLlama(options: object): Promise<{ loadModel(options: object): Promise<Model> }>
}
interface Model {
  createContext(options: object): Promise<Context>
  tokenize(text: string, special: boolean): number[]
}
interface Context {
  getSequence(): { controlledEvaluate(input: readonly Input[]): Promise<Output[]> }
}
type Input = number | [token: number, options: object]
type Output = undefined | { next: { probabilities?: Probabilities } }

/** What each token has, by its id. */
export type Probabilities = Map<number, number>

/** What is asked of a model by its path. */
export type Question =
  | { path: string; text: string }
  | { path: string; ids: readonly number[]; adapter?: string }
export type Answer = { id: number } & (
  | { value: number[] | Probabilities }
  | { error: string; value?: undefined }
)

/** All tokens as they come out of the softmax. */
const WHOLE = { temperature: 1, topK: 0, topP: 1, minP: 0 }

// Named by a variable, since the type checker may not have it.
const name: string = 'node-llama-cpp'
const { getLlama } = (await import(name)) as Library
const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
const models = new Map<string, Promise<Model>>()
const kept: unknown[] = []

function opened(path: string): Promise<Model> {
  const model = models.get(path) ?? llama.loadModel({ modelPath: path })
  models.set(path, model)
  return model
}

async function answer(question: Question): Promise<number[] | Probabilities> {
  const model = await opened(question.path)
  if ('text' in question) return [...model.tokenize(question.text, false)]
  const { ids, adapter } = question
  const lora = adapter === undefined ? {} : { lora: adapter }
  const context = await model.createContext({ contextSize: 256, threads: 1, ...lora })
  const last: Input = [ids.at(-1)!, { generateNext: { probabilities: true, options: WHOLE } }]
  const sequence = context.getSequence()
  const output = await sequence.controlledEvaluate([...ids.slice(0, -1), last])
  kept.push(context, sequence, output)
  return output.at(-1)!.next.probabilities!
}

process.on('message', ({ id, question }: { id: number; question: Question }) => {
  answer(question).then(
    (value) => process.send!({ id, value } satisfies Answer),
    (error: Error) => process.send!({ id, error: error.message } satisfies Answer),
  )
})
