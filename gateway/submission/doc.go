// Package submission is the gateway's domain: a program that an account asked to have run, the
// states it goes through, and the Service that takes it in, shows it, waits for it and deletes it.
//
// It promises that a submission is checked by the pool's own rules before it is stored, and stored
// before its token is given away; that an account sees its own submissions only; and that no more
// than a bounded number wait for the pool.
//
// How submissions are kept, carried to the pool and announced is left to adapters behind the ports
// Store, Engine, Catalogue, Dispatcher and Bus. The domain imports none of them.
package submission
