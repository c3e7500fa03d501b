// Package templates holds the built-in templates: what alerts look like, and what the bot says. Whoever wants another look
// opens this folder, copies a define into a file named by [templates] files in relay.toml, and changes it there.
package templates

import "embed"

// FS holds the *.tmpl files.
//
//go:embed *.tmpl
var FS embed.FS
