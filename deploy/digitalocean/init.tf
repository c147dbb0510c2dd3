# What droplets start: one Compose file each, of the images that the cluster has everywhere.
locals {
  nginx = {
    for name in fileset("${path.module}/../../nginx", "*") :
    "nginx/${name}" => file("${path.module}/../../nginx/${name}")
  }
  images = {
    gateway = "${var.registry}sandgate-gateway:${var.image_tag}"
    engine  = "${var.registry}sandgate-judge0:${var.image_tag}"
    client  = "${var.registry}sandgate-client:${var.image_tag}"
    nginx   = "nginx:1.28.0"
  }
  postgres = digitalocean_database_cluster.postgres
  valkey   = digitalocean_database_cluster.valkey
  engine_environment = {
    LISTEN       = "0.0.0.0"
    DATABASE_URL = local.postgres.private_uri
    REDIS_URL    = "${local.valkey.private_uri}/0"
    RETENTION    = "1d" # the gateway keeps results itself
  }
  nothing = {
    restart      = "unless-stopped"
    network_mode = "host"
    read_only    = true
    cap_drop     = ["ALL"]
    security_opt = ["no-new-privileges:true"]
    logging      = { driver = "json-file", options = { "max-size" = "10m", "max-file" = "3" } }
  }
  balancer = merge(local.nothing, {
    image   = local.images.nginx
    user    = "101:101"
    tmpfs   = ["/tmp:uid=101,gid=101,mode=700,size=16m"]
    volumes = ["./nginx:/etc/sandgate/nginx:ro", "./tls:/etc/sandgate/tls:ro"]
  })

  # Of each part by itself, as one part's address is in another's environment.
  client = {
    web = merge(local.nothing, {
      image = local.images.client
      user  = "10003:10003"
      init  = true
      tmpfs = ["/tmp:mode=1777,size=64m", "/app/.next/cache:uid=10003,gid=10003,mode=700,size=64m"]
      environment = merge({
        HOSTNAME                 = "127.0.0.1" # nginx leads to it
        SANDGATE_URL             = "http://${module.runner.address}:8080"
        SANDGATE_API_KEY         = var.secrets.web_key
        SANDGATE_WEB_SECRET      = var.secrets.web_secret
        SANDGATE_TRUSTED_PROXIES = "127.0.0.1/32"
        # Not made by us: Compose would read its dollar signs.
        SANDGATE_OIDC_CLIENT_SECRET = replace(var.oidc_client_secret, "$", "$$")
      }, var.web_settings)
    })
    # The API, on 8443 with TLS; and the page, on 443.
    api = merge(local.balancer, {
      command     = ["/bin/sh", "/etc/sandgate/nginx/start.sh", "runner-lb"]
      environment = { UPSTREAMS = "${module.runner.address}:8080" }
    })
    page = merge(local.balancer, {
      command = ["nginx", "-c", "/etc/sandgate/nginx/page.conf", "-g", "daemon off;"]
    })
  }
  load_balancer = {
    lb = merge(local.balancer, {
      command     = ["/bin/sh", "/etc/sandgate/nginx/start.sh", "judge0-lb"]
      environment = { UPSTREAMS = join(" ", [for server in module.server : "${server.address}:2358"]) }
    })
  }
  runner = {
    gateway = merge(local.nothing, {
      image = local.images.gateway
      tmpfs = ["/tmp:mode=1777,size=64m", "/var/lib/sandgate:uid=10002,gid=10002,mode=700,size=64m"]
      environment = merge({
        SANDGATE_HOST             = "0.0.0.0"
        SANDGATE_DATABASE_URL     = replace(digitalocean_database_cluster.mongodb.private_uri, "/admin?", "/${digitalocean_database_db.sandgate.name}?")
        SANDGATE_REDIS_URL        = "${local.valkey.private_uri}/1"
        SANDGATE_ENGINE_URL       = "http://${module.load_balancer.address}:8080"
        SANDGATE_ENGINE_TOKEN     = var.secrets.authn_token
        SANDGATE_BOOTSTRAP_KEY    = var.secrets.bootstrap_key
        SANDGATE_WEB_KEY          = var.secrets.web_key
        SANDGATE_CALLBACK_URL     = "http://$${PRIVATE_ADDRESS}:8080"
        SANDGATE_TRUSTED_PROXIES  = var.ip_range
        SANDGATE_CLIENT_IP_HEADER = "X-Real-IP"
      }, var.gateway_settings)
      stop_grace_period = "60s"
    })
  }
  server = {
    server = merge(local.nothing, {
      image       = local.images.engine
      command     = ["server"]
      user        = "10001:10001"
      tmpfs       = ["/tmp:mode=1777,size=64m", "/var/lib/sandgate:uid=10001,gid=10001,mode=700,size=16m"]
      environment = merge(local.engine_environment, { PORT = "2358", AUTHN_TOKEN = var.secrets.authn_token, AUTHZ_TOKEN = var.secrets.authz_token })
    })
  }
  worker = {
    worker = merge(local.nothing, {
      image             = local.images.engine
      command           = ["worker"]
      user              = "0:0"
      cgroup            = "host"
      cap_add           = ["SETUID", "SETGID", "SETFCAP"]
      security_opt      = ["no-new-privileges:true", "seccomp=seccomp-worker.json", "apparmor=unconfined", "systempaths=unconfined"]
      tmpfs             = ["/tmp:mode=1777,size=256m", "/var/lib/sandgate:mode=700,size=64m"]
      volumes           = ["/sys/fs/cgroup:/sys/fs/cgroup"]
      environment       = merge(local.engine_environment, { PORT = "2359", SANDBOX_REQUIRE_CGROUP = "true" })
      pids_limit        = 4096
      stop_grace_period = "30s"
    })
  }
}
