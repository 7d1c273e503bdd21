"""What bench/send.py is made of: the network, the servers, the clients, the measuring and the report."""
