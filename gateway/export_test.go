package gateway

import "github.com/gin-gonic/gin"

// Routes lists what the gateway answers.
func (g *Gateway) Routes() gin.RoutesInfo { return g.server.Handler.(*gin.Engine).Routes() }
