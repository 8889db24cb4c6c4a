/** llama.cpp by way of node-llama-cpp, which install.ts puts into this folder. */

/** The little of its interface that is used. */
interface Library {
  getLlama(options: object): Promise<Llama>
}
interface Llama {
  loadModel(options: { modelPath: string }): Promise<Model>
  dispose(): Promise<void>
}
interface Model {
  createContext(options: object): Promise<Context>
  tokenize(text: string, special: boolean): number[]
  dispose(): Promise<void>
}
interface Context {
  getSequence(): { controlledEvaluate(input: readonly Input[]): Promise<Output[]> }
  dispose(): Promise<void>
}
type Input = number | [token: number, options: object]
type Output = undefined | { next: { probabilities?: Map<number, number> } }

/** A GGUF that llama.cpp has loaded. */
export interface LlamaModel {
  /** Ids of a text alone; what looks like a special token is text. */
  tokenize(text: string): number[]
  /** Probability of each token to follow `ids`, under an adapter if one is given. */
  next(ids: readonly number[], adapter?: string): Promise<Map<number, number>>
  close(): Promise<void>
}

/** All tokens as they come out of the softmax. */
const WHOLE = { temperature: 1, topK: 0, topP: 1, minP: 0 }

export async function openLlama() {
  // Named by a variable, since the type checker may not have it.
  const name: string = 'node-llama-cpp'
  const { getLlama } = (await import(/* @vite-ignore */ name)) as Library
  const llama = await getLlama({ gpu: false, build: 'never', logLevel: 'error' })
  return {
    open: async (path: string) => openModel(await llama.loadModel({ modelPath: path })),
    close: () => llama.dispose(),
  }
}

function openModel(model: Model): LlamaModel {
  return {
    tokenize: (text) => [...model.tokenize(text, false)],
    async next(ids, adapter) {
      const lora = adapter === undefined ? {} : { lora: adapter }
      const context = await model.createContext({ contextSize: 256, threads: 1, ...lora })
      const last = [ids.at(-1)!, { generateNext: { probabilities: true, options: WHOLE } }] as Input
      const output = await context.getSequence().controlledEvaluate([...ids.slice(0, -1), last])
      await context.dispose()
      return output.at(-1)!.next.probabilities!
    },
    close: () => model.dispose(),
  }
}
