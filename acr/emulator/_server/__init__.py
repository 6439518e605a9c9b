"""Server: the application on its sockets, a record of what arrived, and the faults to be made."""
