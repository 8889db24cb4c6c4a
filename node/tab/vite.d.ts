/// <reference types="vite/client" />

/** Of package.json, written by Vite. */
declare const __VERSION__: string
