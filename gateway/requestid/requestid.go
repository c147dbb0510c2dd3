// Package requestid carries the id of a request from the middleware that names it to whoever calls
// others on its behalf, so that the logs of all who took part can be put together.
package requestid

import "context"

// Header is where clients, proxies and the engine have it.
const Header = "X-Request-Id"

type contextKey struct{}

// With gives a context that carries an id.
func With(ctx context.Context, id string) context.Context {
	return context.WithValue(ctx, contextKey{}, id)
}

// Of gives the id that a context carries, or "".
func Of(ctx context.Context) string {
	id, _ := ctx.Value(contextKey{}).(string)
	return id
}
