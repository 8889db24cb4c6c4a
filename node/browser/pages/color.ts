/** The colour of a custom property as a canvas understands it: without `light-dark()`. */
export function colorOf(element: HTMLElement, name: string): string {
  const before = element.style.color
  element.style.color = `var(${name})`
  const { color } = getComputedStyle(element)
  element.style.color = before
  return color
}
