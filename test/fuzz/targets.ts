/** Every decoder that reads what somebody else wrote, by where that comes from. */
import type { Target } from './target.ts'
import { DATA_TARGETS } from './targets-data.ts'
import { MODEL_TARGETS } from './targets-model.ts'
import { PUBLISHED_TARGETS } from './targets-published.ts'
import { RUN_TARGETS } from './targets-run.ts'
import { WEB_TARGETS } from './targets-web.ts'
import { WIRE_TARGETS } from './targets-wire.ts'

export const TARGETS: readonly Target[] = [
  ...WIRE_TARGETS,
  ...RUN_TARGETS,
  ...PUBLISHED_TARGETS,
  ...MODEL_TARGETS,
  ...DATA_TARGETS,
  ...WEB_TARGETS,
]
