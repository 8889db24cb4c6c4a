/** A tab of a browser that is gone at the end of the test, used as a person uses it. */
import { expect, onTestFinished } from 'vitest'
import { temporaryFolder } from '../roles/swarm.ts'
import type { DrivenBrowser, Driver, WindowSize } from './driver.ts'

export interface Tab extends Pick<Driver, 'evaluate' | 'screenshot'> {
  /** What the page shows. */
  text(): Promise<string>
  /** Waits until the page shows it. */
  shows(text: string): Promise<void>
  fill(label: string, value: string): Promise<void>
  uncheck(label: string): Promise<void>
  press(button: string): Promise<void>
}

const WIDE = { width: 1000, height: 1000 }

/**
 * What it complains about on its console fails the test.
 * @throws Error when the browser is not here
 */
export async function openTab(
  { name, missing, start }: DrivenBrowser,
  address: string,
  size: WindowSize = WIDE,
): Promise<Tab> {
  const advice = missing()
  if (advice !== null) throw new Error(`${name} is not here: ${advice}`)
  const driver = await start(await temporaryFolder(), size)
  onTestFinished(async () => {
    await driver.close()
    expect(driver.complaints()).toEqual([])
  })
  process.stdout.write(`${name}: ${driver.version}\n`)
  await driver.open(address)
  const { evaluate, screenshot } = driver
  return {
    evaluate,
    screenshot,
    text: () => evaluate(shownText, null),
    shows: (text) => expect.poll(() => evaluate(shownText, null)).toContain(text),
    fill: (label, value) => evaluate(fillField, { label, value }),
    uncheck: (label) => evaluate(uncheckBox, label),
    press: (button) => evaluate(pressButton, button),
  }
}

// What follows runs in the page, and sees nothing of this file.

function shownText(): string {
  // biome-ignore lint/performance/useDomNodeTextContent: what is hidden does not count.
  return document.body.innerText
}

function fillField({ label, value }: { label: string; value: string }): void {
  const labels = [...document.querySelectorAll('label')]
  const input = labels.find(({ textContent }) => textContent.startsWith(label))?.control
  if (!(input instanceof HTMLInputElement)) throw new Error(`The page has no field "${label}"`)
  input.value = value
  input.dispatchEvent(new InputEvent('input', { bubbles: true }))
}

function uncheckBox(label: string): void {
  const labels = [...document.querySelectorAll('label')]
  const box = labels.find(({ textContent }) => textContent.trim() === label)?.control
  if (!(box instanceof HTMLInputElement && box.checked))
    throw new Error(`"${label}" is not checked`)
  box.click()
}

function pressButton(text: string): void {
  const buttons = [...document.querySelectorAll('button')]
  const button = buttons.find(({ textContent }) => textContent.trim() === text)
  if (button === undefined || button.disabled) throw new Error(`There is no button "${text}"`)
  button.click()
}
