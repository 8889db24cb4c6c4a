/** What a page needs to write with the model of a run. Of the server and of the browser alike. */
import type { GeneratorShape } from '../../kernels/index.ts'
import type { BlobReference } from '../../protocol/index.ts'

export interface TryPlan {
  /** What the base is called. */
  name: string
  shape: GeneratorShape
  weights: BlobReference
  /** The files of tokenizer and chat template, by name. */
  companions: Record<string, BlobReference>
}
