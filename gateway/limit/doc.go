// Package limit keeps clients within bounds: how fast they may ask, and how much they may use in a day.
package limit
