/** The screen stays on while somebody wants it, whatever the browser does to a hidden tab. */
import { expect, test } from 'vitest'
import { createScreenLock } from '../../node/browser/pages/screen-lock.ts'

/** A browser that lets each lock go when the page is hidden. */
function fakeScreen() {
  const locks = new Set<EventTarget>()
  let isHidden = false
  let isRefused = false
  let listener: (() => void) | null = null
  let asked = 0
  const drop = (lock: EventTarget) => {
    if (locks.delete(lock)) lock.dispatchEvent(new Event('release'))
  }
  return {
    request: async () => {
      asked += 1
      if (isRefused || isHidden) throw new DOMException('not now', 'NotAllowedError')
      const lock = new EventTarget()
      locks.add(lock)
      return Object.assign(lock, { release: async () => drop(lock) }) as never
    },
    isHidden: () => isHidden,
    onSeen: (heard: () => void) => {
      listener = heard
      return () => {
        listener = null
      }
    },
    show: async (shown: boolean) => {
      isHidden = !shown
      if (isHidden) for (const lock of [...locks]) drop(lock)
      listener?.()
      await Promise.resolve().then(() => {})
    },
    drop: () => {
      for (const lock of [...locks]) drop(lock)
    },
    refuse: (refused: boolean) => {
      isRefused = refused
    },
    held: () => locks.size,
    asked: () => asked,
    isHeard: () => listener !== null,
  }
}

test('a lock that went with a hidden tab is taken again when it is seen', async () => {
  const screen = fakeScreen()
  const lock = createScreenLock(screen)
  await lock.toggle()
  for (let time = 0; time < 2; time++) {
    expect(screen.held()).toBe(1)
    await screen.show(false)
    expect([screen.held(), lock.isWanted.value]).toEqual([0, true])
    await screen.show(true)
  }
  expect(screen.held()).toBe(1)
  await screen.show(true)
  expect(screen.held()).toBe(1)
})

test('nobody who lets the screen sleep, or leaves, has it kept on', async () => {
  const screen = fakeScreen()
  const lock = createScreenLock(screen)
  await screen.show(false)
  await screen.show(true)
  expect(screen.asked()).toBe(0)
  await lock.toggle()
  await lock.toggle()
  await screen.show(false)
  await screen.show(true)
  expect([screen.held(), screen.asked(), lock.isWanted.value]).toEqual([0, 1, false])
  const taking = lock.toggle()
  await lock.close()
  await taking
  expect([screen.held(), screen.isHeard(), lock.isWanted.value]).toEqual([0, false, false])
})

test('what the browser refuses, or takes back while it is seen, is wanted no more', async () => {
  const screen = fakeScreen()
  const lock = createScreenLock(screen)
  screen.refuse(true)
  await lock.toggle()
  expect(lock.isWanted.value).toBe(false)
  screen.refuse(false)
  await lock.toggle()
  screen.drop()
  expect(lock.isWanted.value).toBe(false)
})
