/// <reference types="vite/client" />

/** The version in package.json, which Vite writes here. */
declare const __VERSION__: string
