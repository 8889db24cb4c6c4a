/** Asks llama.cpp, which runs in a process of its own. */
import { fork } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Answer, Probabilities, Question } from './llama-process.ts'

const PROGRAM = fileURLToPath(new URL('./llama-process.ts', import.meta.url))

/** A GGUF that llama.cpp reads when it is asked the first time. */
export interface LlamaModel {
  /** Ids of a text alone; what looks like a special token is text. */
  tokenize(text: string): Promise<number[]>
  /** Probability of each token to follow `ids`, under an adapter if one is given. */
  next(ids: readonly number[], adapter?: string): Promise<Probabilities>
}

export interface Llama {
  open(path: string): LlamaModel
  close(): void
}

export function startLlama(): Llama {
  const child = fork(PROGRAM, { execArgv: ['--import', 'tsx'], serialization: 'advanced' })
  const waiting = new Map<number, PromiseWithResolvers<unknown>>()
  let asked = 0
  const ask = (question: Question): Promise<unknown> => {
    const answer = Promise.withResolvers<unknown>()
    waiting.set(asked, answer)
    child.send({ id: asked++, question })
    return answer.promise
  }
  child.on('message', (answer: Answer) => {
    const { resolve, reject } = waiting.get(answer.id)!
    waiting.delete(answer.id)
    if (answer.value === undefined) reject(new Error(answer.error))
    else resolve(answer.value)
  })
  child.on('exit', (code, signal) => {
    for (const { reject } of waiting.values()) {
      reject(new Error(`llama.cpp ended with ${signal ?? code}`))
    }
  })
  return {
    open: (path) => ({
      tokenize: (text) => ask({ path, text }) as Promise<number[]>,
      next: (ids, adapter) =>
        ask({ path, ids, ...(adapter !== undefined && { adapter }) }) as Promise<Probabilities>,
    }),
    close: () => void child.kill('SIGKILL'),
  }
}
