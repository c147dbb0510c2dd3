// Package language knows the languages: the catalogue of what the engine can serve, and which of it
// this host has. Find looks for the toolchains, prepares what every submission would do again, and
// tells the sandbox which folders to show; Load reads the versions inside the sandbox, so that what
// is listed is what runs. To run programs is left to the runner.
package language
