// Package api is the Judge0 contract as Go types: submissions and their results, statuses,
// languages, settings, and the rules by which a request becomes a submission and a submission
// becomes an answer. The engine and the gateway both speak through it, so that the two can't
// come to differ.
//
// It does no I/O. Texts of a submission (source, input, output) are byte strings that need not be
// UTF-8; Go strings hold them, and nil stands for JSON's null.
package api

// Version is the Judge0 release whose contract this package follows. Clients key their tables of
// languages on it.
const Version = "1.13.1"
