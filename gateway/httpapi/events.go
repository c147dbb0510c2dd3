package httpapi

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"github.com/sandgate/sandgate/gateway/live"
)

// Live serves live connections. Its streams are open when its methods return: they are taken from the
// HTTP server. Its errors come before anything is written.
type Live interface {
	StreamJob(w http.ResponseWriter, r *http.Request, visitor live.Visitor, token string) error
	StreamAccount(w http.ResponseWriter, r *http.Request, visitor live.Visitor, last string) error
	ServeSocket(w http.ResponseWriter, r *http.Request, credentials live.Credentials)
}

// liveRoutes handles the routes of live connections.
type liveRoutes struct{ hub Live }

func visitor(c *gin.Context) live.Visitor {
	return live.Visitor{Account: account(c), Credentials: credentialsOf(c.Request).identity()}
}

func (l *liveRoutes) job(c *gin.Context) {
	if err := l.hub.StreamJob(c.Writer, c.Request, visitor(c), c.Param("token")); err != nil {
		_ = c.Error(err)
	}
}

// account takes the id of the last event also from the query, where a page must put it that connects
// for the first time: EventSource sends the header only when it connects again by itself.
func (l *liveRoutes) account(c *gin.Context) {
	last := c.GetHeader("Last-Event-ID")
	if last == "" {
		last = c.Query("last_event_id")
	}
	if err := l.hub.StreamAccount(c.Writer, c.Request, visitor(c), last); err != nil {
		_ = c.Error(err)
	}
}

func (l *liveRoutes) socket(c *gin.Context) {
	l.hub.ServeSocket(c.Writer, c.Request, credentialsOf(c.Request).encode())
}
