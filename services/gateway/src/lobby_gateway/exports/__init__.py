"""Lists of the API as files: asked page after page, and written as they come."""
