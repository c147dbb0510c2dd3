// Package language knows the languages: the catalogue of what the engine can serve, and which of it
// this host has. Open finds the toolchains, tells the sandbox which folders hold them, and reads
// their versions inside the sandbox, so that what is listed is what runs.
package language
