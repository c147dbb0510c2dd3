package gateway

import "github.com/gin-gonic/gin"

// Routes lists what is served.
func (g *Gateway) Routes() gin.RoutesInfo {
	return g.server.Handler.(interface{ Routes() gin.RoutesInfo }).Routes()
}
