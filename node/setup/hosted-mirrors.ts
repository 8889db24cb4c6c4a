/** The mirrors of a run that is hosted: what its run.yaml says now. */
import type { RunFolder } from '../run/run-folder.ts'
import { readRunYaml } from './run-yaml.ts'

/**
 * @param warn told where the folder's run.yaml cannot be read, without which a run goes on
 */
export async function hostedMirrors(
  { yaml }: RunFolder,
  warn: (text: string) => void,
): Promise<string[]> {
  try {
    return (await readRunYaml(yaml)).yaml.base_mirrors ?? []
  } catch (error) {
    warn(`Volunteers are told of no mirrors: ${(error as Error).message}`)
    return []
  }
}
