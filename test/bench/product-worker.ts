/** A thread that takes parts of a product; see block-product.ts. */
import { workerData } from 'node:worker_threads'
import { serve } from '../../kernels/threads.ts'
import { type BlockProduct, productStage } from './block-product.ts'

const product = workerData as BlockProduct
serve(product.board, [productStage(product, 1)])
