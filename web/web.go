// Package web has the files of the page that jobdb serves: plain ES modules, which browsers load as
// they are. There is no build step; what comes from npm is under vendor, as npm has it.
package web

import "embed"

// Files are what browsers fetch, and nothing else. index.html is the page.
//
//go:embed index.html style.css favicon.svg *.js parts/*.js screens/*.js choose/*.js vendor/*.js vendor/*.mjs
var Files embed.FS
