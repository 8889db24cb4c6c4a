/**
 * Gives the browser a language where it has none that its own `Intl` takes. WebKitGTK under LANG=C
 * calls it `c`, and the chart's library, which this has to be imported before, throws as it loads.
 */
try {
  Intl.getCanonicalLocales(navigator.language)
} catch {
  Object.defineProperty(navigator, 'language', { value: 'en', configurable: true })
}
