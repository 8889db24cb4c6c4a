/** Waits for what a process says. */
import type { Child } from '../../node/cli/child.ts'
import type { Progress } from '../../node/history/progress.ts'

/** The next fact of this type; rejects where the process ends before. Nobody else hears it then. */
export function seen<T extends Progress['type']>(
  child: Child<Progress>,
  type: T,
): Promise<Extract<Progress, { type: T }>> {
  return new Promise((resolve, reject) => {
    child.onMessage((fact) => {
      if (fact.type === type) resolve(fact as Extract<Progress, { type: T }>)
    })
    child.exited.then((code) => {
      reject(new Error(`It ended with ${code}: ${child.complaints()}`))
    }, reject)
  })
}
