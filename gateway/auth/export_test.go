package auth

// What tests need to know of the inside.
const (
	CacheFor     = cacheFor
	CacheMost    = cacheMost
	UnknownFloor = unknownFloor
)

var LooksLikeJWT = looksLikeJWT
