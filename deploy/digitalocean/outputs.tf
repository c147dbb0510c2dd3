output "public_address" {
  description = "The client's: what DNS points to."
  value       = module.client.public_address
}

output "private_addresses" {
  value = merge(
    {
      client        = module.client.address
      runner        = module.runner.address
      load_balancer = module.load_balancer.address
    },
    { for n, server in module.server : "server-${n}" => server.address },
    { for n, worker in module.worker : "worker-${n}" => worker.address },
  )
}
