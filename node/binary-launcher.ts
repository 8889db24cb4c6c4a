/**
 * What the single file does first: it unpacks the package that it holds, once, where this user's
 * programs keep what can be had again, and runs its command from there. Threads and processes that
 * the command starts are this file again, told which of its own files to run.
 */
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import Module from 'node:module'
import { dirname, join } from 'node:path'
import { getAsset, getRawAsset } from 'node:sea'
import { unzipSync } from 'fflate'
import { cacheFolder } from './cli/folders.ts'

const MAIN = join('node_modules', 'barnraise', 'node', 'main.js')

function unpack(folder: string): void {
  const making = `${folder}.${process.pid}`
  for (const [name, bytes] of Object.entries(unzipSync(new Uint8Array(getRawAsset('package'))))) {
    const file = join(making, name)
    mkdirSync(dirname(file), { recursive: true })
    writeFileSync(file, bytes)
  }
  try {
    renameSync(making, folder)
  } catch (error) {
    rmSync(making, { recursive: true })
    // Another process may have been as quick.
    if (!existsSync(folder)) throw error
  }
}

const folder = join(cacheFolder(), 'program', getAsset('name', 'utf8'))
if (!existsSync(folder)) unpack(folder)
const main = join(folder, MAIN)
const [given, ...others] = process.argv.slice(2)
const isOwn = given?.endsWith(MAIN) ?? false
const args = isOwn || given === undefined ? others : [given].concat(others)
process.argv = [process.execPath, main].concat(args)
Module.runMain(main)
