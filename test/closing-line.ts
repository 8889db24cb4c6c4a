/**
 * A vitest reporter that ends the output with what failed, a line each and its first words, and one
 * plain line: `N passed, N failed`. Of a long log often only the end is kept.
 */
import type { Reporter, TestModule } from 'vitest/node'

/** The first line of what was thrown, whatever it was. */
function firstLine(error: unknown): string {
  const text = error instanceof Object && 'message' in error ? error.message : error
  return String(text).split('\n', 1)[0] ?? ''
}

export class ClosingLine implements Reporter {
  onTestRunEnd(modules: readonly TestModule[], errors: readonly unknown[]): void {
    let passed = 0
    const failures = errors.map((error) => `outside of every test: ${firstLine(error)}`)
    for (const module of modules) {
      const file = module.relativeModuleId
      for (const test of module.children.allTests()) {
        const result = test.result()
        if (result.state === 'passed') passed += 1
        else
          failures.push(
            `${file} > ${test.fullName}: ${firstLine(result.errors?.[0] ?? result.state)}`,
          )
      }
      // A file that could not be loaded has no tests to count.
      for (const error of module.errors()) failures.push(`${file}: ${firstLine(error)}`)
    }
    for (const failure of failures) process.stdout.write(`\nfailed: ${failure}`)
    process.stdout.write(`\n${passed} passed, ${failures.length} failed\n`)
  }
}
