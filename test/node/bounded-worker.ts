/** Work of every kind for bounded-thread.test.ts. */
import { serveWork } from '../../node/bounded-work.ts'
import { ConfigError } from '../../protocol/index.ts'

export type Task = 'answers' | 'refuses' | 'leaks' | 'fails' | 'spins' | 'fills' | 'ends'

void serveWork(async (task: Task, tell) => {
  tell('a.parquet', 0)
  switch (task) {
    case 'answers':
      return Uint8Array.of(1, 2)
    case 'refuses':
      throw new ConfigError('Cannot read a.parquet')
    case 'leaks':
      void Promise.reject(new RangeError('unsupported page'))
      return new Promise<Uint8Array>(() => {})
    case 'fails':
      throw new TypeError('our bug')
    case 'spins':
      for (;;);
    case 'fills': {
      const all: unknown[] = []
      for (;;) all.push({ all: [all.length] })
    }
    case 'ends':
      process.exit(0)
  }
})
